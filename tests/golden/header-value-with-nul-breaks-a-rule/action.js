function main() { return {"headers":{"x-a":"b\u0000c"}}; }
