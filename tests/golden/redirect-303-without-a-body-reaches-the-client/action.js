function main() { return { statusCode: 303, headers: { location: '/other' } }; }
