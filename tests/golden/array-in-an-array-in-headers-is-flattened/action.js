function main() { return {"headers":{"x-a":["a",["b",["c"]],[]]}}; }
