function main() { return {"headers":{"":"b"}}; }
