function main() { return {"body":null}; }
