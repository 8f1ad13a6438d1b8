function main() { return { statusCode: -1 }; }
