function main() { return { statusCode: "" }; }
