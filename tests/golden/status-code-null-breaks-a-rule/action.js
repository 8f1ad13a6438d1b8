function main() { return { statusCode: null }; }
