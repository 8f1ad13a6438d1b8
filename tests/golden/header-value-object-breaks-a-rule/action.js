function main() { return {"headers":{"x-a":{"b":{"c":1}}}}; }
