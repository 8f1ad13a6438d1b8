function main() { return {"body":"x","headers":{"content-type":"text/plain\r\nx-evil: 1"}}; }
