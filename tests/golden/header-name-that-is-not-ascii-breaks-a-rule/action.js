function main() { return {"headers":{"x-ü":"b"}}; }
