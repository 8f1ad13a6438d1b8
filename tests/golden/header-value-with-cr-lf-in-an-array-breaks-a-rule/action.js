function main() { return {"headers":{"x-a":["b","c\r\nx-evil: 1"]}}; }
