function main() { return { statusCode: 407 }; }
