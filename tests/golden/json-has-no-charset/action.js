function main() { return {"body":"{}","headers":{"content-type":"application/json; charset=latin1"}}; }
