function main() { return { headers: { "x-name": "grün" } }; }
