function main() { return { body: "x", statusCode: "418" }; }
