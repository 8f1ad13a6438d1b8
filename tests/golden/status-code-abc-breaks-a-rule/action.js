function main() { return { statusCode: "abc" }; }
