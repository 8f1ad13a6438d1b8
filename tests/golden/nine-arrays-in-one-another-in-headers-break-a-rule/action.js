function main() { return {"headers":{"x-a":[[[[[[[[["b"]]]]]]]]]}}; }
