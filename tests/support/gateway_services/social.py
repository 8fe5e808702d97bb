# ruff: noqa: N802 — the methods are named as in the protos
"""Likes and comments about the tracks of `library`, reduced to who may; over real gRPC."""

from protos.users.v1 import social_pb2, social_pb2_grpc
from tests.support.gateway_services.library import Tracks, not_found


class Social(social_pb2_grpc.SocialServiceServicer):
    """Nobody has said or liked anything yet."""

    def __init__(self, tracks: Tracks) -> None:
        self._tracks = tracks

    async def SetLike(self, request, context):
        self._tracks.readable(request.track_id)
        return social_pb2.SetLikeResponse(likes=int(request.liked))

    async def ListComments(self, request, context):
        self._tracks.readable(request.track_id)
        return social_pb2.ListCommentsResponse()

    async def AddComment(self, request, context):
        self._tracks.readable(request.track_id)
        comment = social_pb2.Comment(id="c", track_id=request.track_id, body=request.body)
        comment.created_at.GetCurrentTime()
        return social_pb2.AddCommentResponse(comment=comment)

    async def EditComment(self, request, context):
        self._tracks.readable(request.track_id)
        raise not_found("comment")

    async def RemoveComment(self, request, context):
        self._tracks.readable(request.track_id)
        raise not_found("comment")
