function main() { return { statusCode: true }; }
