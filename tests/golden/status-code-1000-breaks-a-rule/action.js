function main() { return { statusCode: 1000 }; }
