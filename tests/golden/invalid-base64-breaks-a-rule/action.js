function main() { return {"body":"not base64!","headers":{"content-type":"image/png"}}; }
