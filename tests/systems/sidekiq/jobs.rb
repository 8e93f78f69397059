# The jobs of the test and where Redis is: loaded by the worker (sidekiq -r) and by drive.rb.
require 'sidekiq'

Redis.silence_deprecations = true

# Under Keyward's namespace no gem for prefixes is needed: names stay bare here.
OPTIONS = {
  url: ENV.fetch('QUEUE_URL'), ssl_params: { ca_file: ENV['QUEUE_CA'] }, network_timeout: 5
}.compact.freeze
Sidekiq.configure_server do |config|
  config.redis = OPTIONS
  config.options[:poll_interval_average] = 1
end
Sidekiq.configure_client { |config| config.redis = OPTIONS }

# Writes down that it ran, so that a lost or a second run shows.
class Note
  include Sidekiq::Worker
  def perform(number)
    sleep ENV.fetch('QUEUE_WORK', '0').to_f
    File.open(ENV.fetch('QUEUE_NOTES'), 'a') { |file| file.syswrite("#{number}\n") }
  end
end

class Flaky
  include Sidekiq::Worker
  sidekiq_options queue: 'high', retry: 5
  sidekiq_retry_in { 1 }
  def perform(path, failures)
    File.open(path, 'a') { |file| file.syswrite('x') }
    raise 'not yet' if File.size(path) <= failures

    Note.new.perform(1_000_001)
  end
end

class Wrong
  include Sidekiq::Worker
  sidekiq_options retry: 0
  def perform = raise('as told')
end
