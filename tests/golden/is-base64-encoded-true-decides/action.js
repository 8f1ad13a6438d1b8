function main() { return {"body":"aGk=","isBase64Encoded":true}; }
