function main() { return {"headers":{"x-a":"b\r\nx-evil: 1"}}; }
