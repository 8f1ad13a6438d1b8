function main() { return {"headers":{"x-a":null}}; }
