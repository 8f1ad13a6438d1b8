function main() { return { statusCode: 307, headers: { location: '/other' } }; }
