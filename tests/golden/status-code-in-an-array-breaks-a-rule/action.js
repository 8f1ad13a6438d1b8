function main() { return { statusCode: [200] }; }
