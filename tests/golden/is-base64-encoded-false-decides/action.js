function main() { return {"body":"plain","headers":{"content-type":"application/octet-stream"},"isBase64Encoded":false}; }
