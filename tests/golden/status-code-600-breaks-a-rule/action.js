function main() { return { statusCode: 600 }; }
