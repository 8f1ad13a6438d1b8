function main() { return { statusCode: 308, headers: { location: '/other' } }; }
