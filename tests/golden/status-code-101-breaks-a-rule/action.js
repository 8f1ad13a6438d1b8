function main() { return { statusCode: 101 }; }
