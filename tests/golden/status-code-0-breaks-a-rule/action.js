function main() { return { statusCode: 0 }; }
