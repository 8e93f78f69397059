# Gives Sidekiq work and looks at what comes of it: drive.rb suite | flood COUNT | foreign. Prints one line of JSON.
require_relative 'jobs'
require 'sidekiq/api'
require 'json'

def notes = File.read(ENV.fetch('QUEUE_NOTES')).split.uniq

def eventually(what, seconds = 40)
  deadline = Time.now + seconds
  until yield
    raise "#{what} did not come" if Time.now > deadline

    sleep 0.05
  end
  what
end

def suite
  done = []
  Note.perform_async(1)
  done << eventually('a job') { notes.include?('1') }
  Note.perform_in(1, 2)
  done << eventually('a delay') { notes.include?('2') }
  Flaky.perform_async("#{ENV.fetch('QUEUE_NOTES')}.flaky", 2)
  done << eventually('retries') { notes.include?('1000001') }
  Wrong.perform_async
  done << eventually('the dead set') { Sidekiq::DeadSet.new.size == 1 }
  Note.perform_bulk((100...120).map { |n| [n] })
  done << eventually('many at once') { (100...120).all? { |n| notes.include?(n.to_s) } }
  late = Note.perform_in(3600, 3)
  raise 'not scheduled' unless Sidekiq::ScheduledSet.new.find_job(late)

  Sidekiq::ScheduledSet.new.find_job(late).delete
  done << eventually('the heartbeat') { Sidekiq::ProcessSet.new.size == 1 && Sidekiq::ProcessSet.new.first['concurrency'] == 5 }
  done << eventually('statistics') { Sidekiq::Stats.new.processed >= 23 }
  raise 'queues' unless Sidekiq::Queue.all.map(&:name).sort == %w[default high]

  Sidekiq::DeadSet.new.clear
  Sidekiq::Queue.new('default').clear
  Sidekiq::Stats::History.new(2).processed
  done << 'queues'
  { parts: done }
end

def flood(count)
  began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  count.to_i.times do |n|
    sleep ENV.fetch('QUEUE_PAUSE', '0').to_f
    Note.perform_async(n)
  rescue Redis::BaseConnectionError
    sleep 0.1
    retry
  end
  deadline = began + 120
  sleep 0.02 while notes.size < count.to_i && Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline
  { count: count.to_i, seconds: (Process.clock_gettime(Process::CLOCK_MONOTONIC) - began).round(3) }
end

# By the library's own connection; each refusal leaves it usable. Under a namespace foreign names are simply not there.
def foreign
  refused = 0
  Sidekiq.redis do |redis|
    raise 'a foreign key was read' if redis.get('foreign:secret')
    raise 'foreign names were seen' if redis.scan_each.any? { |name| name.include?('foreign') }
  rescue Redis::CommandError
    refused += 1
  end
  [->(r) { r.publish('foreign:news', 1) }, ->(r) { r.select(9) }, ->(r) { r.keys('*') }, ->(r) { r.dbsize }, ->(r) { r.config(:get, '*') },
   ->(r) { r.call([:psubscribe, '__keyevent@*__:*']) }, ->(r) { r.flushdb }, ->(r) { r.eval("return redis.call('GET', 'foreign:secret')") }].each do |one|
    answer = Sidekiq.redis { |redis| one.call(redis) }
    raise "must be refused, but was answered with #{answer}"
  rescue Redis::CommandError
    refused += 1
  end
  raise 'the client cannot go on' unless Note.perform_async(-1)

  { refused: refused }
end

puts JSON.generate(send(*ARGV))
