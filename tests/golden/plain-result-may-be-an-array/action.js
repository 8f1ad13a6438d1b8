function main() { return [1, { statusCode: 407 }]; }
