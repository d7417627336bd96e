"""AnalysisService: reads the kept analyses and insights; the workers write them."""

from __future__ import annotations

from bothsides.jobs import v1 as pb
from common.auth.caller import current_caller
from common.errors import AnalysisNotFound, InsightsNotFound
from scheduler.documents import Documents
from scheduler.servicers.context import Context
from scheduler.wire.conversations import analysis_to_pb, insights_to_pb


class AnalysisServicer(pb.AnalysisServiceServicer):
    """Reads the analyses and insights of the caller's tenant."""

    def __init__(self, analyses: Documents, insights: Documents) -> None:
        self._analyses = analyses
        self._insights = insights

    async def GetAnalysis(self, request: pb.GetAnalysisRequest, context: Context) -> pb.Analysis:
        document = await self._analyses.get(current_caller().tenant, request.conversation_id)
        if document is None:
            raise AnalysisNotFound(request.conversation_id)
        return analysis_to_pb(document)

    async def ListAnalyses(
        self, request: pb.ListAnalysesRequest, context: Context
    ) -> pb.ListAnalysesResponse:
        page, next_page_token = await self._analyses.page(
            current_caller().tenant, page_size=request.page_size, page_token=request.page_token
        )
        return pb.ListAnalysesResponse(analyses=map(analysis_to_pb, page), next_page_token=next_page_token)

    async def GetInsights(self, request: pb.GetInsightsRequest, context: Context) -> pb.Insights:
        document = await self._insights.get(current_caller().tenant, request.participant_id)
        if document is None:
            raise InsightsNotFound(request.participant_id)
        return insights_to_pb(document)
