function main() { return { statusCode: 205, headers: { refresh: [1, 2] } }; }
