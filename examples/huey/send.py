from tasks import double

results = [double(n) for n in range(5)]
print('results:', [result.get(blocking=True, timeout=30) for result in results])
