function main() { return { headers: { "set-cookie": ["a=1; Path=/", "b=2"] } }; }
