function main() { return { statusCode: 199 }; }
