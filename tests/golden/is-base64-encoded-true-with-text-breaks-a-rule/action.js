function main() { return {"body":"%","isBase64Encoded":true}; }
