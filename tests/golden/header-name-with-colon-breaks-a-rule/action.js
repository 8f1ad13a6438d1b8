function main() { return {"headers":{"x-evil: 1\r\nx":"b"}}; }
