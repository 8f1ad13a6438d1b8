function main() { return { Body: "x", statuscode: 407 }; }
