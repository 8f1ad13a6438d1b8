function main() { return {"headers":null}; }
