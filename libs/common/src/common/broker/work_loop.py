"""What a worker thread does all day: take a message, run its actor between the hooks, and acknowledge it.

In place of the loop of Dramatiq's WorkerThread, for the same hooks in the same order. A job of a broker that
batches costs less than that loop, which logs each step, finds the hooks of each by their names, and asks for
what these messages never have. The thread is still Dramatiq's: it is paused, stopped and joined as ever.
"""

from __future__ import annotations

import time
from queue import Empty
from typing import TYPE_CHECKING, Any

import dramatiq
from dramatiq.broker import Broker, MessageProxy
from dramatiq.errors import RateLimitExceeded
from dramatiq.middleware import Middleware, SkipMessage
from dramatiq.worker import WorkerThread

from common.broker.consumer import JobConsumer
from common.broker.interrupts import JobInterrupt
from common.broker.message import JobMessage

if TYPE_CHECKING:
    from common.broker.broker import JobBroker
    from common.broker.work_queue import WorkQueue


class WorkThreads(Middleware):
    """Has the threads of a worker run this loop. The first of all middleware, so that its hook comes last."""

    def after_worker_thread_boot(self, broker: Broker, thread: WorkerThread) -> None:
        jobs: Any = broker
        work_queue: Any = thread.work_queue
        WorkLoop(jobs, thread, work_queue).run()


class WorkLoop:
    """The loop of one worker thread. It ends when the thread is told to stop, after the job that it runs."""

    def __init__(self, broker: JobBroker, thread: WorkerThread, work_queue: WorkQueue) -> None:
        self._broker = broker
        self._thread = thread
        self._work_queue = work_queue

    def run(self) -> None:
        thread, take = self._thread, self._work_queue.get
        while thread.running:
            if thread.paused:
                thread.paused_event.set()
                time.sleep(thread.timeout)
                continue
            try:
                message = take(timeout=thread.timeout).message
            except Empty:
                continue
            self._process(message)

    def _process(self, message: JobMessage) -> None:
        broker = self._broker
        try:
            broker.emit_before("process_message", message)
            result = None
            if not message.failed:
                actor = broker.get_actor(message.actor_name)
                result = broker.interrupter.call(message.job, actor, message.args, message.kwargs)
            broker.emit_after("process_message", message, result=result)
        except SkipMessage as skipped:
            if message.failed:
                message.stuff_exception(skipped)
            self._thread.logger.warning("Message %s was skipped.", message)
            broker.emit_after("skip_message", message)
        except BaseException as error:
            message.stuff_exception(error)
            self._log(message, error)
            broker.emit_after("process_message", message, exception=error)
        finally:
            self._end(message)
            self._work_queue.task_done()
            # A message that is kept somewhere must not keep the frames of its attempt.
            message.clear_exception()

    def _end(self, message: MessageProxy) -> None:
        consumer = self._thread.consumers[message.queue_name]
        if message.failed or not isinstance(consumer.consumer, JobConsumer) or self._broker.hears_of("ack"):
            consumer.post_process_message(message)
        else:
            # What that comes to if no one hears of it: an outcome is handed over, which needs no connection.
            consumer.consumer.ack(message)

    def _log(self, message: MessageProxy, error: BaseException) -> None:
        """Log what an actor raised, as Dramatiq's threads do: what nobody foresaw with its traceback."""
        logger = self._thread.logger
        actor = self._broker.actors.get(message.actor_name)
        throws = message.options.get("throws") or (actor.options.get("throws") if actor is not None else None)
        if isinstance(error, RateLimitExceeded):
            logger.debug("Rate limit exceeded in message %s: %s.", message, error)
        elif throws and isinstance(error, throws):
            name = type(error).__name__
            logger.info("Failed to process message %s with expected exception %s.", message, name)
        elif isinstance(error, JobInterrupt):
            logger.info("Message %s was interrupted: %s.", message, type(error).__name__)
        elif not isinstance(error, dramatiq.Retry):
            logger.error("Failed to process message %s with unhandled exception.", message, exc_info=True)
