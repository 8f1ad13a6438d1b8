function main() { return { isBase64Encoded: true }; }
