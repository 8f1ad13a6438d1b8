function main() { return { statusCode: 99 }; }
