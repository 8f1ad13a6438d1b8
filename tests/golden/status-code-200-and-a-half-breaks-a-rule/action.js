function main() { return { statusCode: 200.5 }; }
