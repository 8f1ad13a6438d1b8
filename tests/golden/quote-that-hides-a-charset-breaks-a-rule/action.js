function main() { return {"body":"x","headers":{"content-type":"text/html; a=b\"; charset=utf-7"}}; }
