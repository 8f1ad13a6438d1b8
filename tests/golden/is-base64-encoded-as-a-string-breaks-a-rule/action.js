function main() { return {"body":"x","isBase64Encoded":"yes"}; }
