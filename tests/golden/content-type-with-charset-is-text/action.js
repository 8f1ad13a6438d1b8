function main() { return {"body":"not base64!","headers":{"content-type":"application/x-own; charset=utf-8"}}; }
