function main() { return {"body":null,"number":1}; }
